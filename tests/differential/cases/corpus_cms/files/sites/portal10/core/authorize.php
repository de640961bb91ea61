portal10 core/authorize.php
