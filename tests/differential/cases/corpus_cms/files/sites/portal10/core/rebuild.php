portal10 core/rebuild.php
