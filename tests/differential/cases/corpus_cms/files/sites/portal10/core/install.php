portal10 core/install.php
